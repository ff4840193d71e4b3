// Arithmetic for models, which are bad at it.
#pragma once

#include "behalf/error.hpp"

#include <string>
#include <string_view>

namespace behalf {

/// The value of an expression of numbers, + - * / % ^, parentheses, pi, e, and functions: abs,
/// ceil, cos, exp, floor, ln, log10, max, min, round, sin, sqrt, tan. In double precision, as the
/// shortest text that means it. Linear. Error: invalid_argument with a sentence for the model: of
/// what cannot be read, is longer than 1,000 bytes, deeper than 64, or is no finite number.
result<std::string> calculate(std::string_view expression);

} // namespace behalf
