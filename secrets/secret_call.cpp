#include "secrets/secret_call.hpp"

#include <algorithm>

namespace behalf {
namespace {

constexpr std::size_t longest_reply = 1u << 20;

// The credentials of calls that we make for ourselves. Their replies go to a wiped buffer as they
// are, or to nobody.
class secret_header_writer final : public credential_writer {
public:
  explicit secret_header_writer(std::vector<std::pair<std::string, secret_ptr>> fields)
    : fields_(std::move(fields)) {}

  void write_head(wiped_string& head) const override {
    for (const auto& [name, value] : fields_)
      head.append(name).append(": ").append(value->expose()).append("\r\n");
  }

  std::unique_ptr<reply_scrubber> scrubber() const override {
    return std::make_unique<unscrubbed>();
  }

private:
  class unscrubbed final : public reply_scrubber {
  public:
    void feed(std::string_view bytes, std::string& out) override { out.append(bytes); }
    void finish(std::string&) override {}
  };

  std::vector<std::pair<std::string, secret_ptr>> fields_;
};

bool sendable(std::string_view value) {
  return !value.empty() && value.front() != ' ' && value.back() != ' '
         && std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

} // namespace

result<wire_request> to_wire(const secret_call& call, const endpoint_policy& policy,
                             std::string pool_key) {
  for (const auto& [name, value] : call.secret_headers) {
    if (!value || !sendable(value->expose()))
      return fail(errc::invalid_argument, "the secret for the header " + name + " cannot be sent");
  }
  wire_request out;
  out.call.method = call.method;
  out.call.url = call.url;
  out.call.headers = call.headers;
  out.call.timeout = call.timeout;
  out.policy = policy;
  out.pool_key = std::move(pool_key);
  if (!call.secret_headers.empty())
    out.credential = std::make_shared<secret_header_writer>(call.secret_headers);
  out.secret_body = call.body;
  out.secret_reply = std::make_shared<wiped_string>();
  out.max_reply_bytes = longest_reply;
  return out;
}

secret_reply from_wire(outbound_reply reply, std::shared_ptr<const wiped_string> body) {
  return {reply.status, std::move(reply.headers), std::move(body)};
}

} // namespace behalf
