// Whatever a client answers to calls that wait for a person, there is one decision per call that
// the call allows, or an error with a sentence, and the same answer is read the same again.
#include "agents/tools/approvals.hpp"
#include "fuzz/fuzz.hpp"

#include <algorithm>

using namespace behalf;

namespace {

std::vector<gated_call> calls_from(FuzzedDataProvider& in) {
  std::vector<gated_call> calls(in.ConsumeIntegralInRange<std::size_t>(1, 3));
  for (std::size_t i = 0; i < calls.size(); ++i) {
    auto& one = calls[i];
    one.id = "c" + std::to_string(in.ConsumeIntegralInRange<std::size_t>(i, 3));
    one.name = i == 0 ? "send" : "drop";
    const auto allowed = in.ConsumeIntegralInRange(1, 15);
    one.allowed.clear();
    for (auto type : {decision_type::approve, decision_type::edit, decision_type::reject,
                      decision_type::respond})
      if ((allowed >> static_cast<int>(type)) & 1)
        one.allowed.push_back(type);
  }
  return calls;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  const auto calls = calls_from(in);
  auto resume = parse_json(in.ConsumeRemainingBytesAsString());
  if (!resume)
    return 0;
  const auto read = read_decisions(*resume, calls);
  const auto again = read_decisions(*resume, calls);
  fuzz::require(read.has_value() == again.has_value(), "an answer is read the same again");
  if (!read) {
    fuzz::require(read.error().code == errc::invalid_argument, "the answer is to blame");
    fuzz::require(!read.error().message.empty(), "an error says why");
    return 0;
  }
  fuzz::require(read->size() == calls.size(), "one decision per call");
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto& one = (*read)[i];
    const auto& allowed = calls[i].allowed;
    fuzz::require(std::find(allowed.begin(), allowed.end(), one.type) != allowed.end(),
                  "only what the call allows is decided");
    fuzz::require(one.type == decision_type::edit || one.args.empty(), "only edits have arguments");
    fuzz::require(one.type != decision_type::respond || !one.message.empty(),
                  "a response has a text");
  }
  return 0;
}
