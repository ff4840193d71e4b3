#include "actors/basics.hpp"

#include "behalf/node.hpp"
#include "runtime/base/log.hpp"

namespace behalf {

void log_thrown(std::string_view actor, const std::exception_ptr& what) {
  try {
    std::rethrow_exception(what);
  } catch (...) {
    log::error("actor_threw", {{"actor", actor}, {"error", current_exception_error().kind}});
  }
}

} // namespace behalf
