// What an authenticate handler is given and answers.
#pragma once

#include "behalf/coroutine.hpp"
#include "behalf/outbound.hpp"
#include "behalf/wiped.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace behalf {

/// The request an authenticate handler judges. The secret fields are apart from the others.
struct auth_request {
  std::string method, path;
  std::string query;   // undecoded, without "?"
  header_list headers; // lower-case names
  wiped_string authorization, api_key, cookie;

  auth_request() = default;
  auth_request(const auth_request&) = delete;
  auth_request& operator=(const auth_request&) = delete;
  /// People put tokens into queries and fields of their own too: these are overwritten.
  ~auth_request();

  /// The token behind "Bearer "; empty when there is none.
  std::string_view bearer() const;
};

/// Who is asking. A refusal is an error instead: `fail(errc::unauthenticated, …)` is a 401,
/// `errc::denied` a 403; its headers are sent.
struct auth_answer {
  std::string identity;                                                  // required
  std::string display_name = {}, tenant = {}, issuer = {}, subject = {}; // empty: by default
  std::vector<std::string> permissions = {};
  json::object custom = {}; // extra fields of langgraph_auth_user: never a secret
  /// Sealed before anything else sees them: what custom shows under these names are handles.
  std::map<std::string, wiped_string> secret_fields = {};
};

/// An HTTP request of an authenticate handler, awaited for its reply.
///
///   auto reply = co_await ctx.fetch("idp", "https://idp.example.com/userinfo").as_caller();
class [[nodiscard]] outbound_request : public awaiting<outbound_reply> {
public:
  outbound_request(std::string_view service, std::string_view url);

  outbound_request& method(std::string_view name); // GET unless said
  outbound_request& header(std::string_view name, std::string_view value);
  outbound_request& body(std::string_view bytes);
  outbound_request& timeout(std::chrono::milliseconds time); // 30 s unless said
  /// With the caller's own Authorization field: to an identity provider, say.
  outbound_request& as_caller();
  static constexpr std::string_view caller_handle = "$caller";

private:
  outbound_call& call();
};

/// Handed to an authenticate handler. Cheap to copy.
class auth_context {
public:
  explicit auth_context(std::shared_ptr<const auth_request> req) : request_(std::move(req)) {}

  const auth_request& request() const { return *request_; }
  /// A GET of an absolute URL by a configured service, which decides what hosts are allowed.
  outbound_request fetch(std::string_view service, std::string_view url) const {
    return outbound_request{service, url};
  }

  template <bool used = true>
  outbound_request fetch(outbound_call) const {
    static_assert(!used, "write fetch(\"service\", \"https://…\").header(name, value).body(bytes) "
                         "here: g++ 12 destroys a struct in braces twice inside co_await");
    return fetch({}, {});
  }

private:
  std::shared_ptr<const auth_request> request_;
};

/// Called from several threads at once. It may block: then it is given turns on threads for that.
/// What it is given lives as long as its coroutine.
using authenticate_fn = std::function<coroutine<result<auth_answer>>(const auth_context&)>;

} // namespace behalf
