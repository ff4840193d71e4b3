#include "connectors/challenge.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

std::string read(header_list headers) {
  const auto found = read_challenge(headers);
  return found.error + '|' + found.description + '|' + found.scope;
}

std::string read(std::string value) {
  return read(header_list{{"WWW-Authenticate", std::move(value)}});
}

} // namespace

TEST_CASE("a challenge is read in every form servers write", "[connectors]") {
  CHECK(read("Bearer") == "||");
  CHECK(read("") == "||");
  CHECK(read("Bearer error=invalid_token") == "invalid_token||");
  CHECK(read("bearer realm=\"x\", ERROR=\"invalid_token\",scope = \"a b\"")
        == "invalid_token||a b");
  CHECK(read("Basic realm=\"error=\\\"no\\\"\", Bearer error=\"e\", error_description=\"a, b=c\"")
        == "e|a, b=c|");
  CHECK(read("Negotiate abc==, Bearer scope=s") == "||s");
  CHECK(read(header_list{{"www-authenticate", "DPoP algs=\"ES256\""},
                         {"Other", "Bearer error=\"no\""},
                         {"WWW-AUTHENTICATE", "Bearer error=\"yes\""}})
        == "yes||");
  CHECK(read("Bearer error=\"first\", error=\"second\"") == "first||");
}

TEST_CASE("a hostile challenge ends and stays printable", "[connectors]") {
  CHECK(read("Bearer error=\"open") == "open||");
  CHECK(read("Bearer error=\"a\\") == "a\\||");
  CHECK(read("Bearer error=\"a\r\n\x1b[31mb\"") == "a[31mb||");
  CHECK(read("\"\"\"===,,,error=x") == "x||");
  CHECK(read("=\"") == "||");
  CHECK(
    read_challenge({{"WWW-Authenticate", "Bearer error=" + std::string(5000, 'x')}}).error.size()
    == 200);
}
