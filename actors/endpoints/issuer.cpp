// The development issuer's endpoints, which exist in `behalf dev` only.
#include "actors/endpoints/routes.hpp"
#include "behalf/plugin.hpp"
#include "runtime/auth/dev_issuer.hpp"
#include "runtime/base/shape.hpp"
#include "runtime/net/request_target.hpp"

namespace behalf::endpoints {
namespace {

// Calls `use` with the issuer under its lock.
template <class Use>
void with_issuer(request_pointer self, Use use) {
  const auto& issuer = self->state.app->issuer;
  if (!issuer)
    return refuse(self, fail(errc::not_found, "Not Found"));
  std::lock_guard lock{issuer->guard};
  use(issuer->issuer);
}

void send(request_pointer self, issuer_reply reply) {
  auto type = find_header(reply.headers, "content-type");
  auto text = type ? *type : std::string{};
  std::erase_if(reply.headers, [](const auto& h) { return h.first == "Content-Type"; });
  answer_text(self, reply.status, std::move(reply.body), text, std::move(reply.headers));
}

// Calls `use` with the issuer and the request's form.
template <class Use>
void with_form(request_pointer self, Use use) {
  auto fields = parse_query(self->state.text);
  auto form = fields ? fields->pairs() : form_fields{};
  if (form.size() > shape_of(self).parameters)
    return refuse(self, fail(errc::bad_request, "the form has more than "
                                                  + std::to_string(shape_of(self).parameters)
                                                  + " fields"));
  with_issuer(self, [&](dev_issuer& i) { use(i, form); });
}

void discovery(request_pointer self) {
  with_issuer(self, [self](dev_issuer& i) { answer(self, 200, i.discovery()); });
}

void jwks(request_pointer self) {
  with_issuer(self, [self](dev_issuer& i) { answer(self, 200, i.jwks()); });
}

void authorize(request_pointer self) {
  with_issuer(self, [self](dev_issuer& i) {
    send(self, i.authorize(self->state.ex->req().query.pairs(), now()));
  });
}

void login(request_pointer self) {
  with_form(self,
            [self](dev_issuer& i, const form_fields& form) { send(self, i.login(form, now())); });
}

void token(request_pointer self) {
  with_form(self,
            [self](dev_issuer& i, const form_fields& form) { send(self, i.token(form, now())); });
}

void userinfo(request_pointer self) {
  with_issuer(self, [self](dev_issuer& i) {
    auth_request p;
    p.authorization = self->state.ex->take_header("authorization");
    auto info = i.userinfo(p.bearer(), now());
    if (!info)
      return refuse(self, info.error());
    answer(self, 200, *info);
  });
}

} // namespace

std::vector<route> issuer_routes() {
  auto open = access::open();
  return {
    {verb::get, "/dev/.well-known/openid-configuration", open, nullptr, discovery,
     "Development issuer: discovery"},
    {verb::get, "/dev/jwks", open, nullptr, jwks, "Development issuer: keys"},
    {verb::get, "/dev/authorize", open, nullptr, authorize, "Development issuer: login page"},
    {verb::post, "/dev/login", open, nullptr, login, "Development issuer: log in"},
    {verb::post, "/dev/token", open, nullptr, token, "Development issuer: get a token"},
    {verb::get, "/dev/userinfo", open, nullptr, userinfo, "Development issuer: who a token names"},
  };
}

} // namespace behalf::endpoints
