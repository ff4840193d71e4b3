#include "connectors/http_service.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/header_class.hpp"
#include "runtime/net/media_type.hpp"
#include "runtime/net/request_target.hpp"
#include "runtime/net/url.hpp"

#include <algorithm>
#include <array>

namespace behalf {
namespace {

constexpr std::array<std::string_view, 7> methods{"GET",   "HEAD",   "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};

// A node must not write where the credential goes: with two values the upstream might take either.
result<void> check_credential_place(const credential_options& credential,
                                    const http_operation& operation) {
  if (credential.from == credential_source::none)
    return {};
  if (credential.inject.form == credential_form::header
      && find_header(operation.headers, credential.inject.name))
    return fail(errc::invalid_argument,
                "header '" + credential.inject.name + "' is the credential's and may not be set");
  if (credential.inject.form != credential_form::query)
    return {};
  const auto query_at = operation.path.find('?');
  if (query_at == std::string::npos)
    return {};
  auto query = parse_query(std::string_view{operation.path}.substr(query_at + 1));
  if (!query)
    return fail(errc::invalid_argument, "the path's query is malformed");
  for (const auto& [name, value] : query->pairs())
    if (name == credential.inject.name)
      return fail(errc::invalid_argument, "parameter '" + credential.inject.name
                                            + "' is the credential's and may not be set");
  return {};
}

result<json::value> read_body(const service_options& service, const outbound_reply& reply) {
  if (reply.body.empty())
    return json::value(nullptr);
  const auto* type = find_header(reply.headers, "content-type");
  if (type && is_json_type(*type)) {
    auto parsed = parse_json(reply.body);
    if (!parsed)
      return fail(errc::upstream, "service '" + service.name + "' answered with malformed JSON");
    return parsed;
  }
  if (!is_utf8(reply.body))
    return fail(errc::upstream, "service '" + service.name
                                  + "' answered with bytes that are no text; open it as a stream");
  return json::value(reply.body);
}

class http_service final : public connector {
public:
  http_service(std::shared_ptr<const service_options> service, http_operation operation, caller by)
    : service_(std::move(service)), operation_(std::move(operation)), by_(std::move(by)) {}

  step start() override {
    auto call = build();
    if (!call)
      return done{call.error()};
    return std::move(*call);
  }

  step resume(result<outbound_reply> reply) override {
    if (!reply)
      return done{reply.error()};
    service_reply answer;
    answer.status = reply->status;
    answer.stream_id = reply->stream_id;
    answer.receipt = reply->receipt;
    if (reply->stream_id == 0) {
      auto body = read_body(*service_, *reply);
      if (!body)
        return done{body.error()};
      answer.body = std::move(*body);
    }
    for (auto& field : reply->headers)
      if (!is_header(field.first, header_class::cookie_given))
        answer.headers.push_back(std::move(field));
    return done{std::move(answer)};
  }

  // A single call neither pulls nor pauses: a driver that comes here has mixed up two machines.
  step resume_chunk(result<outbound_chunk>) override { return out_of_turn(); }
  step proceed() override { return out_of_turn(); }

private:
  static step out_of_turn() {
    return done{fail(errc::internal, "an HTTP call was resumed out of turn")};
  }

  result<outbound_call> build() {
    if (std::find(methods.begin(), methods.end(), operation_.method) == methods.end())
      return fail(errc::invalid_argument, "method must be one of GET, HEAD, POST, PUT, PATCH, "
                                          "DELETE, OPTIONS, in capitals");
    if (auto checked = check_credential_place(service_->credential, operation_); !checked)
      return checked.error();
    auto url = join_url(service_->url, operation_.path);
    if (!url)
      return url.error();
    outbound_call call;
    call.service = service_->name;
    call.method = std::move(operation_.method);
    call.url = std::move(*url);
    call.headers = std::move(operation_.headers);
    if (operation_.body) {
      const auto* type = find_header(call.headers, "content-type");
      const auto* text = operation_.body->if_string();
      call.body =
        text && type && !is_json_type(*type) ? std::string(*text) : dump(*operation_.body);
      if (!type)
        call.headers.emplace_back("Content-Type", "application/json");
    }
    if (!find_header(call.headers, "accept"))
      call.headers.emplace_back("Accept",
                                operation_.stream ? "*/*" : "application/json, */*;q=0.5");
    call.handle = by_.handle;
    call.stream = operation_.stream;
    call.timeout = service_->timeout;
    return call;
  }

  const std::shared_ptr<const service_options> service_;
  http_operation operation_;
  const caller by_;
};

} // namespace

std::unique_ptr<connector> open_http_service(std::shared_ptr<const service_options> service,
                                             http_operation operation, caller by) {
  return std::make_unique<http_service>(std::move(service), std::move(operation), std::move(by));
}

} // namespace behalf
