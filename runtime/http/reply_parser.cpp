#include "runtime/http/reply_parser.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace behalf {

namespace http = boost::beast::http;

reply_parser::reply_parser(reply_limits limits, reply_scrubber* scrub, wiped_string* sink,
                           bool head_only)
  : limits_(limits), scrub_(scrub), sink_(sink) {
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
    bool head_before = head_done_;
    auto taken = put({in.data() + used, in.size() - used}, ec);
    used += taken;
    if (ec)
      break;
    if (head_done_ && !head_before)
      if (auto ok = check_head(); !ok)
        return ok.error();
  }
  in.erase_front(used);
  if (ec && ec != http::error::need_more)
    return describe(ec);
  return {};
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

std::size_t reply_parser::take(view bytes) {
  std::string_view text{bytes.data(), bytes.size()};
  if (sink_)
    sink_->append(text);
  else if (scrub_)
    scrub_->feed(text, body_);
  else
    body_.append(text);
  return bytes.size();
}

std::string reply_parser::scrubbed(view text) {
  std::string out;
  if (!scrub_)
    return out.assign(text.data(), text.size());
  scrub_->feed({text.data(), text.size()}, out);
  scrub_->finish(out);
  return out;
}

result<void> reply_parser::check_head() const {
  if (status_ == 101)
    return fail(errc::upstream, "switched protocols unasked");
  auto coding = find_header(headers_, "content-encoding");
  if (coding && !coding->empty() && !boost::beast::iequals(*coding, "identity"))
    return fail(errc::upstream, "compressed its reply unasked");
  return {};
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
