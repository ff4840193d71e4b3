#include "actors/endpoints/lasting_right.hpp"

#include "actors/admission/authorizer.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/run_plan.hpp"
#include "actors/storage/messages.hpp"

#include <memory>

namespace behalf::endpoints {
namespace {

// The right is asked for again when it is this old, before anything is sent; and at every so many
// keep-alives.
constexpr std::chrono::seconds right_lasts{5};
constexpr int ticks_between_checks = 12;

const std::string& thread_of(const request_state& s) {
  return s.live_run ? s.live_run->plan->thread_id : s.thread_id;
}

template <class Then>
void decide(request_pointer self, Then then) {
  auto& s = self->state;
  authorize a;
  a.who = s.granted.who;
  a.sealed = s.right->sealed;
  a.resource = "threads";
  a.action = "read";
  a.value = json::object{{"thread_id", s.thread_id}};
  if (s.thread_id.empty())
    a.value["thread_id"] = nullptr;
  if (s.rules)
    return then(admission::decide(*s.rules, a));
  ask(
    self, s.app->authorizer, std::move(a), [then](grant& g) mutable { then(std::move(g)); },
    [then](const error& why) mutable { then(why); });
}

// A temporary thread is gone when its run ends: what is left of that may be read.
bool sees(const request_state& s, const filter& auth_filter, const row_ptr& thread) {
  return thread ? auth_filter.matches(thread->metadata) : s.live_run != nullptr;
}

void decide_as_known(request_pointer self, deadline t, right_known then) {
  decide(self, [self, t, then = std::move(then)](result<grant> g) mutable {
    if (!g)
      return then(g.error());
    auto& s = self->state;
    storage::read(
      self, *s.app, storage::get_head{thread_key(self, thread_of(s))},
      [self, t, then, auth_filter = g->auth_filter](const row_ptr& thread) {
        auto& s = self->state;
        if (!sees(s, auth_filter, thread))
          return then(no_thread(thread_of(s)));
        note_right(self, t);
        then({});
      },
      [then](const error& why) { then(why); });
  });
}

} // namespace

void keep_right(request_pointer self) {
  auto& s = self->state;
  s.right = std::make_shared<lasting_right>();
  s.right->sealed = s.granted.sealed;
  s.right->credentials = s.credentials;
}

void note_right(request_pointer self, deadline when) {
  self->state.right->allowed = true;
  self->state.right->checked = when;
}

void authenticate_again(request_pointer self, std::size_t bytes, right_known then) {
  auto& s = self->state;
  authenticate question;
  question.credentials = s.right->credentials;
  question.body_bytes = bytes;
  question.peer = s.ex->req().peer;
  ask(
    self, s.app->authenticator, std::move(question),
    [self, then](authenticated& m) {
      auto& s = self->state;
      if (m.who->key().text() != s.granted.who->key().text())
        return then(fail(errc::unauthenticated, "These credentials are somebody else's now"));
      s.granted.who = std::move(m.who);
      s.right->sealed = std::move(m.sealed);
      then({});
    },
    [then](const error& why) { then(why); });
}

bool right_is_fresh(request_pointer self) {
  const auto& right = *self->state.right;
  return right.allowed && std::chrono::steady_clock::now() - right.checked < right_lasts;
}

void ask_for_right(request_pointer self, right_known then) {
  const auto t = std::chrono::steady_clock::now();
  authenticate_again(self, 0, [self, t, then = std::move(then)](result<void> known) mutable {
    if (!known)
      return then(known);
    decide_as_known(self, t, std::move(then));
  });
}

bool right_is_due(request_pointer self) {
  auto& right = *self->state.right;
  return right.allowed && ++right.ticks % ticks_between_checks == 0;
}

} // namespace behalf::endpoints
