// What is asked of an embeddings endpoint, and what its answers may be.
#include "connectors/embeddings.hpp"
#include "tests/support/catch.hpp"

using namespace behalf;

namespace {

outbound_reply answer(unsigned status, std::string body, header_list headers = {}) {
  outbound_reply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.headers = std::move(headers);
  return reply;
}

error refusal(const outbound_reply& reply) {
  auto read = read_embeddings(reply, 2, 2);
  REQUIRE_FALSE(read);
  return read.error();
}

} // namespace

TEST_CASE("texts go out as the endpoint wants them, the key in its place", "[embeddings]") {
  service_options service;
  service.name = "store-index";
  service.url = "https://api.example.com/v1/";
  auto call = embeddings_call(service, sealed_handle{"h"}, "small", {"a", "b"});
  CHECK(call.method == "POST");
  CHECK(call.url == "https://api.example.com/v1/embeddings");
  CHECK(call.body == R"({"model":"small","input":["a","b"]})");
  CHECK(call.handle.id == "h");
}

TEST_CASE("vectors come in the order of their texts, of length 1", "[embeddings]") {
  auto read = read_embeddings(answer(200, R"({"data": [{"index": 1, "embedding": [0, 2]},
                                                      {"index": 0, "embedding": [3, 4.0]}]})"),
                              2, 2);
  REQUIRE(read);
  CHECK(read->at(0) == embedding{0.6f, 0.8f});
  CHECK(read->at(1) == embedding{0, 1});
  read = read_embeddings(answer(200, R"({"data": [{"embedding": [0, 0]}]})"), 1, 2);
  REQUIRE(read);
  CHECK(read->at(0) == embedding{0, 0});
}

TEST_CASE("an answer that is not a vector for each text is refused", "[embeddings]") {
  for (std::string body :
       {"", "[]", "{}", R"({"data": 1})", R"({"data": []})", R"({"data": [1, 2]})",
        R"({"data": [{"embedding": [1, 2]}]})",
        R"({"data": [{"embedding": [1]}, {"embedding": [1, 2]}]})",
        R"({"data": [{"embedding": [1, "2"]}, {"embedding": [1, 2]}]})",
        R"({"data": [{"embedding": [1, 1e300]}, {"embedding": [1, 2]}]})",
        R"({"data": [{"index": 0, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]})",
        R"({"data": [{"index": 7, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]})",
        R"({"data": [{"index": -1, "embedding": [1, 2]}, {"index": 0, "embedding": [1, 2]}]})"}) {
    INFO(body);
    CHECK(refusal(answer(200, body)).code == errc::upstream);
  }
}

TEST_CASE("a refused text, a busy endpoint and a broken one are told apart", "[embeddings]") {
  for (unsigned status : {400u, 413u, 422u})
    CHECK(refusal(answer(status, "secret text")).code == errc::invalid_argument);
  CHECK(refusal(answer(400, "secret text")).message.find("secret") == std::string::npos);
  for (unsigned status : {429u, 503u}) {
    auto why = refusal(answer(status, "", {{"retry-after", "7"}}));
    CHECK(why.code == errc::overloaded);
    CHECK(retry_after(why.headers) == std::chrono::seconds{7});
  }
  for (unsigned status : {301u, 401u, 404u, 500u})
    CHECK(refusal(answer(status, "")).code == errc::upstream);
}

TEST_CASE("how long to wait is a number of seconds, ten minutes at most", "[embeddings]") {
  CHECK(retry_after({{"Retry-After", "0"}}) == std::chrono::seconds{0});
  CHECK(retry_after({{"Retry-After", "99999"}}) == std::chrono::minutes{10});
  for (std::string text : {"", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT", "9999999999"})
    CHECK_FALSE(retry_after({{"Retry-After", text}}));
  CHECK_FALSE(retry_after({}));
}
