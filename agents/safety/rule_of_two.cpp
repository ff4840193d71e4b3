#include "agents/safety/rule_of_two.hpp"

namespace behalf {

taint taint_by(const tool_source& source, const tool_hints& hints, std::string_view call_id) {
  taint seen;
  if (!source.trusted || hints.open_world)
    add_source(seen.untrusted, source.service, call_id);
  if (source.personal)
    add_source(seen.personal, source.service, call_id);
  return seen;
}

} // namespace behalf
