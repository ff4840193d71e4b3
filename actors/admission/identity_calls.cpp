#include "actors/admission/identity_calls.hpp"

#include "secrets/scrubber.hpp"

namespace behalf::admission {
namespace {

// Writes one Authorization field, and scrubs its value from the reply.
class authorization_writer : public credential_writer {
public:
  explicit authorization_writer(wiped_string value) : value_(std::move(value)) {}
  void write_head(wiped_string& head) const override {
    head.append("Authorization: ");
    head.append(value_.view());
    head.append("\r\n");
  }
  std::unique_ptr<reply_scrubber> scrubber() const override {
    auto value = value_.view(); // after the scheme
    return make_scrubber(value.substr(value.find(' ') + 1));
  }

private:
  wiped_string value_;
};

} // namespace

std::shared_ptr<const credential_writer> authorization_field(wiped_string value) {
  return std::make_shared<authorization_writer>(std::move(value));
}

// The addresses are the operator's: private ones are allowed; plain http was checked at load.
std::shared_ptr<wire_request> to_wire(provider_call call) {
  auto where = parse_origin(call.url);
  if (!where)
    return nullptr;
  auto request = std::make_shared<wire_request>();
  request->call.service = "identity";
  request->call.method = call.form ? "POST" : "GET";
  request->call.url = std::move(call.url);
  request->call.headers = {{"Accept", "application/json"}};
  request->call.timeout = provider_patience;
  request->pool_key = call.caller.empty() ? "identity" : "identity " + call.caller;
  request->policy = {{*where}, true, true};
  request->max_reply_bytes = 1 << 20;
  if (call.form)
    request->call.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  request->secret_body = std::move(call.form);
  if (!call.authorization.empty())
    request->credential = authorization_field(std::move(call.authorization));
  return request;
}

} // namespace behalf::admission
