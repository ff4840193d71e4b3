// Runs the graph without a server: <behalf/testing.hpp>.
#include <behalf/testing.hpp>
#include <cstdio>
#include <cstdlib>

using namespace behalf;

static void check(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

int main() {
  testing::graph_runner agent{testing::load_graph(BEHALF_TEST_LIBRARY, "@NAME@")};
  agent.as("alice");
  auto asked = agent.run({{"messages", list(human("buy milk"))}});
  check(asked.interrupts.size() == 1, "it asks before it writes");
  check(asked.interrupts[0].at("call").at("name") == "add_note", "and says which tool it wants");
  check(agent.store().size() == 0, "nothing is written yet");

  auto done = agent.resume(true);
  check(!done.error, "it goes on with the answer");
  check(agent.store().size() == 1, "and writes the note");
  check(done.state.at("messages").as_array().back().at("content") == "I have noted it down.",
        "and says so");

  testing::graph_runner other{testing::load_graph(BEHALF_TEST_LIBRARY, "@NAME@")};
  other.run({{"messages", list(human("buy milk"))}});
  other.resume(false);
  check(other.store().size() == 0, "a user who says no is heard");
  std::puts("all as it should be");
}
