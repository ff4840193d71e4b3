#include "actors/admission/identity_calls.hpp"

#include "runtime/base/id.hpp"
#include "secrets/scrubber.hpp"

namespace behalf::admission {
namespace {

// One Authorization field, and nothing of it left in the reply.
class authorization_writer : public credential_writer {
public:
  explicit authorization_writer(wiped_string value) : value_(std::move(value)) {}
  void write_head(wiped_string& head) const override {
    head.append("Authorization: ");
    head.append(value_.view());
    head.append("\r\n");
  }
  std::unique_ptr<reply_scrubber> scrubber() const override {
    auto value = value_.view(); // behind the scheme
    return make_scrubber(value.substr(value.find(' ') + 1));
  }

private:
  wiped_string value_;
};

// The operator wrote these addresses: they may be private, and plain http was checked at load.
std::shared_ptr<wire_request> call(std::string method, const std::string& url) {
  auto where = parse_origin(url);
  if (!where)
    return nullptr;
  auto request = std::make_shared<wire_request>();
  request->call.service = "identity";
  request->call.method = std::move(method);
  request->call.url = url;
  request->call.headers = {{"Accept", "application/json"}};
  request->call.timeout = std::chrono::seconds(5);
  request->pool_key = "identity";
  request->policy = {{*where}, true, true};
  request->max_reply_bytes = 1 << 20;
  return request;
}

} // namespace

std::shared_ptr<const credential_writer> authorization_field(std::string_view value) {
  return std::make_shared<authorization_writer>(wiped_string{value});
}

std::shared_ptr<wire_request> document_call(const std::string& url) {
  return call("GET", url);
}

std::shared_ptr<wire_request> userinfo_call(const std::string& url, std::string_view token) {
  auto request = call("GET", url);
  if (!request)
    return nullptr;
  request->pool_key += " " + sha256_hex(token); // nobody shares a connection with a caller
  wiped_string value{"Bearer "};
  value.append(token);
  request->credential = std::make_shared<authorization_writer>(std::move(value));
  return request;
}

std::shared_ptr<wire_request> introspection_call(const std::string& url,
                                                 const std::string& client_id,
                                                 std::string_view client_secret,
                                                 std::string_view token) {
  auto request = call("POST", url);
  if (!request)
    return nullptr;
  request->pool_key += " " + sha256_hex(token);
  request->call.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request->secret_body = std::make_shared<const wiped_string>(introspection_body(token));
  request->credential =
    std::make_shared<authorization_writer>(basic_authorization(client_id, client_secret));
  return request;
}

} // namespace behalf::admission
