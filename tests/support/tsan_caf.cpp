// What ThreadSanitizer has to know of libcaf_core, which distributions build without it: where one
// thread hands something to another. The library calls these functions through its symbol table,
// so that the ones below come first; each tells ThreadSanitizer and then does what the library's
// does. Without them every message would look like a race, and a suppression that covers messages
// covers all of ours. Only built with -fsanitize=thread, for CAF 0.17 (cmake/FindCAF.cmake).
#include <caf/actor_control_block.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/memory_managed.hpp>
#include <caf/ref_counted.hpp>
#include <caf/scheduled_actor.hpp>

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

namespace {

// The library's own function. A member function is called as one whose first argument is `this`.
template <class Function>
Function library(const char* symbol) {
  auto* found = dlsym(RTLD_NEXT, symbol);
  if (!found) {
    std::fprintf(stderr, "libcaf_core has no %s\n", symbol);
    std::abort();
  }
  return reinterpret_cast<Function>(found);
}

void* element(const caf::memory_managed& x) {
  return const_cast<caf::memory_managed*>(&x);
}

} // namespace

namespace caf {

// A message: what its sender wrote is there for the actor that takes it out of the mailbox, and
// for whoever destroys it.
void scheduled_actor::enqueue(mailbox_element_ptr message, execution_unit* on) {
  using function = void (*)(scheduled_actor*, mailbox_element_ptr, execution_unit*);
  static const auto next = library<function>(
    "_ZN3caf15scheduled_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEE"
    "PNS_14execution_unitE");
  __tsan_release(element(*message));
  next(this, std::move(message), on);
}

void blocking_actor::enqueue(mailbox_element_ptr message, execution_unit* on) {
  using function = void (*)(blocking_actor*, mailbox_element_ptr, execution_unit*);
  static const auto next = library<function>(
    "_ZN3caf14blocking_actor7enqueueESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEE"
    "PNS_14execution_unitE");
  __tsan_release(element(*message));
  next(this, std::move(message), on);
}

// An actor runs on one thread now and on another later: what it did is there for its next turn. Not
// in resume(), after whose end another thread may have begun already.
scheduled_actor::activation_result scheduled_actor::reactivate(mailbox_element& message) {
  using function = activation_result (*)(scheduled_actor*, mailbox_element&);
  static const auto next =
    library<function>("_ZN3caf15scheduled_actor10reactivateERNS_15mailbox_elementE");
  __tsan_acquire(element(message));
  const auto outcome = next(this, message);
  __tsan_release(this);
  return outcome;
}

bool scheduled_actor::activate(execution_unit* on) {
  using function = bool (*)(scheduled_actor*, execution_unit*);
  static const auto next =
    library<function>("_ZN3caf15scheduled_actor8activateEPNS_14execution_unitE");
  __tsan_acquire(this);
  const auto outcome = next(this, on);
  __tsan_release(this);
  return outcome;
}

intrusive::task_result blocking_actor::mailbox_visitor::operator()(mailbox_element& message) {
  using function = intrusive::task_result (*)(mailbox_visitor*, mailbox_element&);
  static const auto next =
    library<function>("_ZN3caf14blocking_actor15mailbox_visitorclERNS_15mailbox_elementE");
  __tsan_acquire(element(message));
  return next(this, message);
}

void memory_managed::request_deletion(bool) const noexcept {
  __tsan_acquire(element(*this));
  delete this;
}

// Who drops the last reference destroys what the others used: these count where it can be seen.
void ref_counted::deref() const noexcept {
  if (rc_.fetch_sub(1) == 1)
    request_deletion(true);
}

void intrusive_ptr_release_weak(actor_control_block* x) {
  if (x->weak_refs.fetch_sub(1) == 1)
    x->block_dtor(x);
}

void intrusive_ptr_release(actor_control_block* x) {
  if (x->strong_refs.fetch_sub(1) == 1) {
    x->data_dtor(x->get());
    intrusive_ptr_release_weak(x);
  }
}

} // namespace caf
