// A configuration file is read, or every fault in it is named; nothing else happens.
#include "config/config.hpp"
#include "fuzz/fuzz.hpp"

using namespace behalf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  auto loaded = parse_config(std::string{fuzz::text_of(data, size)}, "behalf.yaml");
  for (const auto& problem : loaded.problems)
    fuzz::require(!problem.message.empty(), "a fault is explained");
  return 0;
}
