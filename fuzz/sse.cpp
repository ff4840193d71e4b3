// An event stream gives the same events however it is cut.
#include "fuzz/fuzz.hpp"
#include "runtime/net/event_stream.hpp"

using namespace behalf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  auto cuts = in.ConsumeRandomLengthString(32);
  auto bytes = in.ConsumeRemainingBytesAsString();
  event_stream whole, cut_up;
  auto all = whole.feed(bytes);
  FuzzedDataProvider cut{reinterpret_cast<const uint8_t*>(cuts.data()), cuts.size()};
  std::vector<stream_event> parts;
  for (auto piece : fuzz::pieces(cut, bytes))
    for (auto& event : cut_up.feed(piece))
      parts.push_back(std::move(event));
  fuzz::require(all.size() == parts.size(), "as many events however the stream is cut");
  for (std::size_t i = 0; i < all.size(); ++i)
    fuzz::require(all[i].name == parts[i].name && all[i].data == parts[i].data,
                  "the same events however the stream is cut");
  fuzz::require(whole.last_id() == cut_up.last_id() && whole.retry() == cut_up.retry(),
                "the same id and delay however the stream is cut");
  return 0;
}
