// No encoding of a credential survives, whatever stands around it and however the reply is cut;
// and a reply without it stays as it is.
#include "secrets/scrubber.hpp"

#include "fuzz/fuzz.hpp"
#include "tests/support/encodings.hpp"

using namespace behalf;

namespace {

std::string scrubbed(const std::string& secret, const std::vector<std::string_view>& pieces) {
  auto s = make_scrubber(secret);
  std::string out;
  for (auto piece : pieces)
    s->feed(piece, out);
  s->finish(out);
  return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  static const auto encodings = testing::all_encodings();
  static const std::string alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~+/";
  FuzzedDataProvider in{data, size};
  testing::random_source random{in.ConsumeIntegral<uint32_t>()};
  std::string secret;
  for (auto length = in.ConsumeIntegralInRange(16, 60); length > 0; --length)
    secret += alphabet[random() % alphabet.size()];
  const auto& encoding = encodings[in.ConsumeIntegralInRange<std::size_t>(0, encodings.size() - 1)];
  const auto written = encoding.write(secret, random);
  const auto cuts = in.ConsumeRandomLengthString(16);
  const auto around = in.ConsumeRandomLengthString(256);
  // Letters that touch the form could make it part of something longer, and another text.
  const auto reply = around + "\n\"" + written + "\"\n" + around;
  FuzzedDataProvider cut{reinterpret_cast<const uint8_t*>(cuts.data()), cuts.size()};
  fuzz::require(scrubbed(secret, fuzz::pieces(cut, reply)).find(written) == std::string::npos,
                "no encoding of a credential survives");
  if (around.find("[redacted]") == around.npos)
    fuzz::require(scrubbed(secret, {around}) == around
                    || scrubbed(secret, {around}).find("[redacted]") != std::string::npos,
                  "a reply changes only where something was found");
  return 0;
}
