// A library of tools for declared agents.
#include "behalf/plugin.hpp"

using namespace behalf;

namespace {

struct add_args {
  int64_t a, b;
};
BOOST_DESCRIBE_STRUCT(add_args, (), (a, b))

} // namespace

BEHALF_PLUGIN(registry) {
  auto add = tool("add", "Adds two numbers", [](const add_args& in) { return in.a + in.b; });
  add.argument("a", "the first");
  add.hints.read_only = true;
  registry.tool(std::move(add));
}
