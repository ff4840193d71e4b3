// A request's head and body mean the same however the network cuts them.
#include "fuzz/fuzz.hpp"
#include "runtime/http/request_parser.hpp"
#include "runtime/net/header_class.hpp"

using namespace behalf;
using namespace behalf::inbound;

namespace {

struct reading {
  unsigned refused = 0; // status
  bool done = false;
  std::string target, body;
  std::size_t headers = 0;
};

reading read(std::string_view bytes, const std::vector<std::string_view>& body_pieces,
             std::size_t head) {
  reading r;
  request_parser parser{1 << 16};
  if (auto why = parser.put_head(bytes.substr(0, head))) {
    r.refused = why->status;
    return r;
  }
  std::string waiting;
  for (auto piece : body_pieces) {
    if (parser.done())
      break;
    waiting += piece;
    for (std::size_t used = 1; used > 0 && !parser.done();) {
      used = 0;
      if (auto why = parser.put_body(waiting, used)) {
        r.refused = why->status;
        return r;
      }
      fuzz::require(used <= waiting.size(), "a parser takes no more than it was given");
      waiting.erase(0, used);
    }
  }
  r.done = parser.done();
  r.target = parser.request.target;
  r.body = parser.body;
  r.headers = parser.request.headers.size();
  for (const auto& [name, value] : parser.request.headers)
    fuzz::require(!is_header(name, inbound_credentials), "credentials are kept apart");
  return r;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  auto cuts = in.ConsumeRandomLengthString(32);
  auto bytes = in.ConsumeRemainingBytesAsString();
  std::size_t searched = 0, by_byte = 0;
  auto head = head_length(bytes, searched);
  std::size_t found = 0;
  for (std::size_t n = 0; n <= bytes.size() && found == 0; ++n)
    found = head_length(std::string_view{bytes}.substr(0, n), by_byte);
  fuzz::require(found == head, "a head ends at the same byte however it arrives");
  if (head == 0)
    return 0;
  auto body = std::string_view{bytes}.substr(head);
  FuzzedDataProvider cut{reinterpret_cast<const uint8_t*>(cuts.data()), cuts.size()};
  auto whole = read(bytes, {body}, head);
  auto cut_up = read(bytes, fuzz::pieces(cut, body), head);
  // What is wrong may show sooner or later, but nothing wrong is ever complete.
  fuzz::require(whole.done == cut_up.done, "a request is complete or not however it is cut");
  fuzz::require(!whole.done || whole.refused + cut_up.refused == 0,
                "what is complete was not refused");
  if (whole.done)
    fuzz::require(whole.target == cut_up.target && whole.body == cut_up.body
                    && whole.headers == cut_up.headers,
                  "a request says the same however it is cut");
  return 0;
}
