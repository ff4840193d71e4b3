// An accepted URL names the same host for another parser, and reads as itself again.
#include "runtime/net/url.hpp"

#include "fuzz/fuzz.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/codec.hpp"
#include "runtime/net/request_target.hpp"

#include <curl/urlapi.h>
#include <memory>

using namespace behalf;

namespace {

struct curl_text {
  char* text = nullptr;
  ~curl_text() { curl_free(text); }
};

// libcurl's reader is the one most other programs share.
void same_for_curl(const std::string& text, const checked_url& url) {
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> other{curl_url(), curl_url_cleanup};
  fuzz::require(curl_url_set(other.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK,
                "what is accepted is a URL for others");
  curl_text host, port, user, fragment;
  curl_url_get(other.get(), CURLUPART_HOST, &host.text, 0);
  curl_url_get(other.get(), CURLUPART_PORT, &port.text, CURLU_DEFAULT_PORT);
  curl_url_get(other.get(), CURLUPART_USER, &user.text, 0);
  curl_url_get(other.get(), CURLUPART_FRAGMENT, &fragment.text, 0);
  fuzz::require(!user.text && !fragment.text, "no user, no fragment");
  auto seen = ascii_lower(host.text ? host.text : "");
  while (seen.ends_with('.'))
    seen.pop_back();
  if (!seen.starts_with('[')) // IPv6 has many spellings
    fuzz::require(seen == url.where.host, "both parsers see one host");
  fuzz::require(port.text && std::to_string(url.where.port) == port.text,
                "both parsers see one port");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  std::string text{fuzz::text_of(data, size)};
  static_cast<void>(parse_target(text));
  if (auto plain = percent_decode(text))
    fuzz::require(percent_decode(percent_encode(*plain)).value() == *plain,
                  "what was decoded can be encoded and decoded again");
  auto url = check_url(text);
  if (!url)
    return 0;
  auto again = check_url(url->where.text() + url->target);
  fuzz::require(again && again->where == url->where && again->target == url->target,
                "an accepted URL reads as itself");
  same_for_curl(text, *url);
  return 0;
}
