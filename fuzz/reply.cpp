// A reply's head and body mean the same however the network cuts them, and no more of it waits
// than a header may hold.
#include "fuzz/fuzz.hpp"
#include "runtime/http/reply_parser.hpp"

using namespace behalf;

namespace {

constexpr reply_limits limits{1024, 8192};

struct reading {
  bool refused = false, done = false;
  unsigned status = 0;
  header_list headers;
  std::string body;
};

reading read(const std::vector<std::string_view>& pieces) {
  reading r;
  reply_parser parser{limits, nullptr, nullptr, false};
  wiped_string in;
  for (auto piece : pieces) {
    in.append(piece);
    r.refused = !parser.feed(in);
    r.body += parser.take_body();
    fuzz::require(r.body.size() <= limits.body_bytes, "a body is bounded");
    if (r.refused || parser.done())
      break;
    fuzz::require(in.view().size() <= limits.header_bytes, "what waits is bounded");
  }
  r.done = !r.refused && parser.done();
  r.status = parser.status();
  r.headers = parser.take_headers();
  return r;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  auto cuts = in.ConsumeRandomLengthString(32);
  auto bytes = in.ConsumeRemainingBytesAsString();
  FuzzedDataProvider cut{reinterpret_cast<const uint8_t*>(cuts.data()), cuts.size()};
  auto whole = read({bytes});
  auto cut_up = read(fuzz::pieces(cut, bytes));
  // In pieces, trailers may be refused that would have passed in one.
  fuzz::require(!cut_up.done || whole.done, "what is complete in pieces is so in one");
  if (whole.done && cut_up.done)
    fuzz::require(whole.status == cut_up.status && whole.headers == cut_up.headers
                    && whole.body == cut_up.body,
                  "a reply says the same however it is cut");
  return 0;
}
