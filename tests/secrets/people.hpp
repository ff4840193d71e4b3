// Who and when most tests of this folder are about.
#pragma once

#include "behalf/principal.hpp"
#include "behalf/time.hpp"

namespace behalf::testing {

inline const principal_key alice{"acme", "https://id.example.com", "alice"};
inline const principal_key bob{"acme", "https://id.example.com", "bob"};
inline const auto t0 = from_micros(1'700'000'000'000'000);

} // namespace behalf::testing
