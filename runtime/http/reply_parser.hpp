// Reads one HTTP reply from raw bytes, scrubbing as it goes: nothing of the credential reaches
// a string that is not wiped.
#pragma once

#include "behalf/outbound.hpp"
#include "runtime/http/credential_writer.hpp"

#include <boost/beast/http/basic_parser.hpp>

namespace behalf {

struct reply_limits {
  uint32_t header_bytes;
  uint64_t body_bytes; // 0: none (the body is pulled)
};

/// One reply, from its first byte to its last. An interim one (1xx) wants another parser after.
class reply_parser final : private boost::beast::http::basic_parser<false> {
public:
  /// `scrub` may be null; it and `sink` must outlive the parser. With a `sink` the body goes
  /// there unscrubbed. `head_only`: the reply of a HEAD request has no body.
  reply_parser(reply_limits limits, reply_scrubber* scrub, wiped_string* sink, bool head_only);

  /// Takes what it can from the front of `in`. Error: upstream, in words that hold no content.
  result<void> feed(wiped_string& in);

  /// The connection ended, after at least one byte. Error: upstream, unless the body ends so.
  result<void> feed_end();

  bool head_done() const { return head_done_; }
  bool done() const { return is_done(); }
  bool interim() const { return head_done_ && status_ / 100 == 1; }
  /// The connection may serve another request.
  bool reusable() const { return is_done() && keep_alive() && !need_eof(); }

  unsigned status() const { return status_; }
  header_list take_headers() { return std::exchange(headers_, {}); }
  bool has_body() const { return !body_.empty(); }
  /// What has come since the last time. May be empty.
  std::string take_body() { return std::exchange(body_, {}); }

private:
  using base = boost::beast::http::basic_parser<false>;
  using view = boost::beast::string_view;
  using code = boost::beast::error_code;

  void on_request_impl(boost::beast::http::verb, view, view, int, code&) override {}
  void on_response_impl(int status, view, int, code&) override { status_ = status; }
  void on_field_impl(boost::beast::http::field, view name, view value, code&) override;
  void on_header_impl(code&) override;
  void on_body_init_impl(const boost::optional<uint64_t>&, code&) override {}
  std::size_t on_body_impl(view bytes, code&) override { return take(bytes); }
  void on_chunk_header_impl(uint64_t size, view, code&) override { chunk_left_ = size; }
  std::size_t on_chunk_body_impl(uint64_t left, view bytes, code&) override;
  void on_finish_impl(code&) override;

  std::size_t take(view bytes);
  std::string scrubbed(view text) const;
  bool between_chunks() const { return head_done_ && !is_done() && chunked() && chunk_left_ == 0; }
  result<void> check_framing(std::size_t waiting) const;
  result<void> check_head() const;
  bool coded() const;
  error describe(const code& ec) const;

  reply_limits limits_;
  reply_scrubber* scrub_;
  std::shared_ptr<const text_scrubber> texts_; // for header fields
  wiped_string* sink_;
  unsigned status_ = 0;
  bool head_done_ = false;
  uint64_t chunk_left_ = 0; // of the chunk that is being read
  uint64_t taken_ = 0;      // bytes of the body
  uint64_t framing_ = 0;    // bytes between them: chunk sizes, extensions, trailers
  header_list headers_;
  std::string body_;
};

} // namespace behalf
