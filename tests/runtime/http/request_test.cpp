#include "runtime/http/request.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

TEST_CASE("a request that is over leaves no token behind", "[http]") {
  const std::string token = "a-token-where-it-does-not-belong";
  http_request req;
  req.target = "/threads?access_token=" + token;
  req.query = query_params{{{"access_token", token}, {"limit", "10"}}};
  req.headers = {{"x-token", token}, {"accept", "application/json"}};
  const auto target = req.target.size();
  wipe(req);
  CHECK(req.target == std::string(target, '\0'));
  CHECK(*req.query.find("access_token") == std::string(token.size(), '\0'));
  CHECK(*find_header(req.headers, "x-token") == std::string(token.size(), '\0'));
}
