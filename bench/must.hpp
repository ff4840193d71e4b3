// A measurement has no use for errors: it says them and ends.
#pragma once

#include "behalf/error.hpp"

#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace behalf {

template <class T>
T must(result<T> r) {
  if (!r) {
    std::fprintf(stderr, "%s\n", r.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>)
    return std::move(*r);
}

} // namespace behalf
