// What an engine makes in one call of it. Most of the time a run waits and has nothing to say, so
// that the engine itself has only a pointer to it.
#pragma once

namespace behalf {

/// `Engine` has a member `Output* out`, which points to `made` while this lives.
template <class Engine, class Output>
class filling {
public:
  explicit filling(Engine& who) : who_(who) { who_.out = &made; }
  filling(const filling&) = delete;
  filling& operator=(const filling&) = delete;
  ~filling() { who_.out = nullptr; }

  Output made;

private:
  Engine& who_;
};

} // namespace behalf
