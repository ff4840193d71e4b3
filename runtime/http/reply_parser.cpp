#include "runtime/http/reply_parser.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace behalf {

namespace http = boost::beast::http;

namespace {

// At least this much is to come wherever a chunk ends; Beast asserts that it gets the last one
// with no less.
constexpr std::size_t last_chunk = std::string_view{"0\r\n\r\n"}.size();
// Bytes of framing for one of the body: chunks of one byte each whose size is padded with zeros.
constexpr uint64_t framing_per_byte = 16;

} // namespace

reply_parser::reply_parser(reply_limits limits, reply_scrubber* scrub, wiped_string* sink,
                           bool head_only)
  : limits_(limits), scrub_(scrub), texts_(scrub ? scrub->for_texts() : nullptr), sink_(sink) {
  header_limit(limits.header_bytes);
  if (limits.body_bytes > 0)
    body_limit(limits.body_bytes);
  else
    body_limit(boost::none);
  skip(head_only);
}

result<void> reply_parser::feed(wiped_string& in) {
  std::size_t used = 0;
  code ec;
  while (used < in.size() && !is_done()) {
    if (between_chunks() && in.size() - used < last_chunk)
      break;
    const bool head_before = head_done_;
    const auto body_before = taken_;
    const auto count = put({in.data() + used, in.size() - used}, ec);
    used += count;
    if (head_before)
      framing_ += count - (taken_ - body_before);
    if (ec)
      break;
    if (head_done_ && !head_before)
      if (auto ok = check_head(); !ok)
        return ok.error();
  }
  in.erase_front(used);
  if (ec && ec != http::error::need_more)
    return describe(ec);
  return check_framing(in.size());
}

result<void> reply_parser::feed_end() {
  code ec;
  put_eof(ec);
  if (ec)
    return fail(errc::upstream, "closed the connection in the middle of its reply");
  return {};
}

void reply_parser::on_field_impl(http::field, view name, view value, code&) {
  if (!head_done_) // trailers are dropped
    headers_.emplace_back(scrubbed(name), scrubbed(value));
}

void reply_parser::on_header_impl(code&) {
  head_done_ = true;
}

void reply_parser::on_finish_impl(code&) {
  if (scrub_ && !sink_)
    scrub_->finish(body_);
}

std::size_t reply_parser::on_chunk_body_impl(uint64_t left, view bytes, code&) {
  chunk_left_ = left - bytes.size();
  return take(bytes);
}

std::size_t reply_parser::take(view bytes) {
  taken_ += bytes.size();
  std::string_view text{bytes.data(), bytes.size()};
  if (sink_)
    sink_->append(text);
  else if (scrub_)
    scrub_->feed(text, body_);
  else
    body_.append(text);
  return bytes.size();
}

std::string reply_parser::scrubbed(view text) const {
  std::string_view whole{text.data(), text.size()};
  if (texts_)
    if (auto clean = texts_->scrubbed(whole))
      return std::move(*clean);
  return std::string{whole};
}

// Beast takes a chunk's line and all trailers whole, and no limit of its own counts either: both
// may go on for ever while they wait, and so may extensions of chunks that carry next to nothing.
result<void> reply_parser::check_framing(std::size_t waiting) const {
  const uint64_t allowed = limits_.header_bytes;
  if (framing_ <= allowed + framing_per_byte * taken_ && (!between_chunks() || waiting <= allowed))
    return {};
  return fail(errc::upstream, "answered more than " + std::to_string(allowed)
                                + " bytes of chunk extensions or trailers");
}

result<void> reply_parser::check_head() const {
  if (status_ == 101)
    return fail(errc::upstream, "switched protocols unasked");
  if (coded())
    return fail(errc::upstream, "compressed its reply unasked");
  // Partial content is refused: two parts may hold one half of the credential each.
  if (scrub_ && (status_ == 206 || find_header(headers_, "content-range")))
    return fail(errc::upstream, "answered with a part of its reply unasked");
  return {};
}

// In every field of these names, since a server may send several.
bool reply_parser::coded() const {
  auto is = [](std::string_view text, std::string_view what) {
    return boost::beast::iequals({text.data(), text.size()}, {what.data(), what.size()});
  };
  for (const auto& [name, value] : headers_) {
    if (is(name, "content-encoding") && !value.empty() && !is(value, "identity"))
      return true;
    if (is(name, "transfer-encoding") && !is(value, "chunked") && !is(value, "identity"))
      return true;
  }
  return false;
}

error reply_parser::describe(const code& ec) const {
  if (ec == http::error::body_limit)
    return fail(errc::upstream,
                "answered more than " + std::to_string(limits_.body_bytes) + " bytes");
  if (ec == http::error::header_limit)
    return fail(errc::upstream,
                "answered more than " + std::to_string(limits_.header_bytes) + " bytes of headers");
  return fail(errc::upstream, "did not answer in HTTP (" + ec.message() + ")");
}

} // namespace behalf
