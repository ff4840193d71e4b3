#include "agents/tools/toolbox.hpp"

#include "behalf/context.hpp"

namespace behalf {

coroutine<result<json::value>> known_toolbox::list(context) const {
  co_return listed_;
}

} // namespace behalf
