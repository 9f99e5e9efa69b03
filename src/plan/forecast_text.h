// The lines that forecasts are printed in.
#pragma once

#include "plan/forecast.h"

namespace blindtuner::plan {

std::string row_text(const std::string& what, const std::string& value, const std::string& note);
std::string seconds_text(double seconds);
/// What the server's training takes.
std::string training_rows(const Forecast& forecast);
/// What times and sizes are worth.
std::string costs_line(const UnitCosts& costs);

}  // namespace blindtuner::plan
