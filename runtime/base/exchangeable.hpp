// A value that many threads read and one replaces now and then.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace behalf {

/// Who has got a value keeps it, whatever it is replaced by.
template <class T>
class exchangeable {
public:
  std::shared_ptr<const T> get() const {
    std::lock_guard lock{guard_};
    return now_;
  }
  void set(std::shared_ptr<const T> fresh) {
    std::lock_guard lock{guard_};
    now_.swap(fresh); // what was there ends without the lock
  }

private:
  mutable std::mutex guard_;
  std::shared_ptr<const T> now_;
};

} // namespace behalf
