#include "agents/models/wire.hpp"

#include <catch2/catch.hpp>

using namespace behalf;

TEST_CASE("a model is told of as many tools as all can take that may be asked", "[models]") {
  model_directory all;
  for (const auto& [name, type] :
       {std::pair{"claude", model_type::anthropic}, std::pair{"gpt", model_type::openai},
        std::pair{"local", model_type::openai_chat}, std::pair{"gemini", model_type::gemini}})
    all.by_name[name].type = type;
  CHECK(most_tools(all, "gpt") == 128);
  CHECK(most_tools(all, "local") == 128);
  CHECK(most_tools(all, "gemini") == 512);
  CHECK(most_tools(all, "claude") == 512);
  all.by_name["claude"].fallback = {"gemini", "gpt"};
  CHECK(most_tools(all, "claude") == 128);
}
