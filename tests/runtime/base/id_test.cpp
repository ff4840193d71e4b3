#include "runtime/base/id.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("time-ordered identifiers sort as text in the order they were made", "[id]") {
  auto uuid6_now = [] { return uuid6(); };
  for (std::string (*make)() : {+uuid6_now, &uuid7}) {
    auto before = make();
    for (int i = 0; i < 10'000; ++i) {
      auto next = make();
      REQUIRE(before < next);
      before = std::move(next);
    }
  }
}

TEST_CASE("an identifier follows the one it is told to, whatever the clock says", "[id]") {
  constexpr auto from_2098 = "32a1f0c1-7b6a-6fff-8000-000000000000"; // a UUID 6
  auto next = uuid6(from_2098);
  CHECK(next > from_2098);
  CHECK(next.substr(0, 18) == "32a1f0c1-7b6b-6000");
  CHECK(uuid6(next) > next);
  CHECK(uuid6() < from_2098); // one thread's future is not everybody's
  CHECK(uuid6("no identifier") < from_2098);

  auto before = uuid7();
  continue_uuid7(from_2098); // not of that kind
  continue_uuid7("junk");
  CHECK(uuid7().substr(0, 8) == before.substr(0, 8));
  auto ahead = before;
  ahead[7] = ahead[7] == 'f' ? 'f' : static_cast<char>(ahead[7] + (ahead[7] == '9' ? 40 : 1));
  continue_uuid7(ahead);
  CHECK(uuid7() > ahead);
}

TEST_CASE("an identifier says its version and variant", "[id]") {
  auto versions = {std::pair{uuid4(), '4'}, std::pair{uuid6(), '6'}, std::pair{uuid7(), '7'},
                   std::pair{uuid5(uuid4(), "name"), '5'}};
  for (const auto& [id, version] : versions) {
    CAPTURE(id);
    CHECK(parse_uuid(id, "run").value() == id);
    CHECK(id[14] == version);
    CHECK(std::string_view{"89ab"}.find(id[19]) != std::string_view::npos);
  }
}

TEST_CASE("a name has one identifier in a space", "[id]") {
  // RFC 9562 A.4: www.example.com in the DNS space.
  constexpr auto dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  CHECK(uuid5(dns, "www.example.com") == "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  CHECK(uuid5(dns, "www.example.org") != uuid5(dns, "www.example.com"));
}

TEST_CASE("a UUID is read with or without dashes, in any case", "[id]") {
  constexpr auto id = "2ed6657d-e927-568b-95e1-2665a8aea6a2";
  CHECK(parse_uuid("2ED6657DE927568B95E12665A8AEA6A2", "run").value() == id);
  for (auto bad : {"", "2ed6657d-e927-568b-95e1-2665a8aea6a",
                   "2ed6657d-e927-568b-95e1-2665a8aea6ag", "2ed6657de-927-568b-95e1-2665a8aea6a2",
                   "{2ed6657d-e927-568b-95e1-2665a8aea6}", "2ed6657d-e927-568b-95e1-2665a8ae"})
    CHECK(parse_uuid(bad, "run").error().message == "Invalid run ID: must be a UUID");
}
