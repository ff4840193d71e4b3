// Bytes of a compressed document, whatever they are, expand to a bounded text or to nothing.
#include "runtime/storage/compression.hpp"

#include "fuzz/fuzz.hpp"

using namespace behalf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static compression both;
  const auto bytes = fuzz::text_of(data, size);
  if (auto text = both.expand(bytes))
    fuzz::require(text->size() <= longest_compressed, "a text is as long as it may be");
  const auto written = both.compress(std::string(bytes));
  fuzz::require(written.size() <= size, "nothing becomes longer");
  if (written != bytes) {
    const auto again = both.expand(written);
    fuzz::require(again && *again == bytes, "what was compressed reads back");
  }
  return 0;
}
