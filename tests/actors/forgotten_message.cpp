// Does not compile, and says why in one sentence: see tests/CMakeLists.txt.
#include "actors/basics.hpp"

namespace behalf {

struct unnamed {};

void forget(const caf::typed_actor<takes<unnamed>>& to) {
  tell(to, unnamed{});
}

} // namespace behalf
