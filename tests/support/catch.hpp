// Catch2, taught to print result<T>.
#pragma once

#include "behalf/error.hpp"

#include <catch2/catch.hpp>

template <class T>
struct Catch::StringMaker<behalf::result<T>> {
  static std::string convert(const behalf::result<T>& r) {
    return r.has_value() ? "a value" : "error: " + r.error().message;
  }
};
