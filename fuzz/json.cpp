// What is accepted can be written and read again, and is the same.
#include "runtime/base/json.hpp"

#include "fuzz/fuzz.hpp"

using namespace behalf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  auto text = fuzz::text_of(data, size);
  auto first = parse_json(text);
  auto strict = parse_json_strict(text);
  fuzz::require(first || !strict, "strict reading accepts less");
  if (!first)
    return 0;
  auto written = dump(*first);
  auto again = parse_json(written);
  fuzz::require(again.has_value(), "what was accepted can be read again");
  fuzz::require(*again == *first && dump(*again) == written, "what was accepted reads the same");
  return 0;
}
