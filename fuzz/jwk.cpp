// A key set of a stranger is read or refused; what it gives verifies nothing that was not signed.
#include "runtime/auth/jwk.hpp"

#include "fuzz/fuzz.hpp"

using namespace behalf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  auto document = parse_json(fuzz::text_of(data, size));
  if (!document)
    return 0;
  auto keys = key_set::parse(*document);
  if (auto one = parse_jwk(*document))
    keys = key_set{{*one}};
  if (!keys)
    return 0;
  for (auto alg :
       {signature_algorithm::es256, signature_algorithm::es384, signature_algorithm::eddsa,
        signature_algorithm::ps256, signature_algorithm::rs256})
    if (const auto* key = keys->find(std::nullopt, alg))
      fuzz::require(!verify_signature(*key, alg, "input", std::string(64, '\1')),
                    "a made-up signature is none");
  return 0;
}
