#include "app/common/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/interrupt.h"

namespace blindtuner {
namespace {

constexpr double kFirst = 1.0;          // seconds without a word
constexpr double kTerminalEvery = 0.1;  // seconds between drawings
constexpr double kPlainEvery = 10.0;
constexpr int kBarWidth = 30;

}  // namespace

std::string duration_text(double seconds) {
  char text[64];
  const long whole = std::lround(seconds);
  if (seconds < 9.95)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else if (whole < 60)
    std::snprintf(text, sizeof text, "%ld s", whole);
  else if (whole < 3600)
    std::snprintf(text, sizeof text, "%ld min %02ld s", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  return text;
}

std::string bytes_text(double bytes) {
  const char* units[] = {"bytes", "kB", "MB", "GB", "TB"};
  int unit = 0;
  while (bytes >= 999.5 && unit < 4) {
    bytes /= 1000;
    ++unit;
  }
  char text[64];
  std::snprintf(text, sizeof text, unit == 0 || bytes >= 99.5 ? "%.0f %s" : "%.1f %s", bytes,
                units[unit]);
  return text;
}

ProgressBar::ProgressBar(std::string label, bool quiet)
    : label_(std::move(label)), quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (drawn_ && terminal_ && !finished_) std::fputc('\n', stderr);
}

void ProgressBar::update(double fraction) {
  throw_if_interrupted();
  fraction = std::clamp(fraction, last_fraction_, 1.0);
  last_fraction_ = fraction;
  const double now = watch_.seconds();
  if (quiet_ || now < kFirst) return;
  if (drawn_ && now - last_drawn_ < (terminal_ ? kTerminalEvery : kPlainEvery)) return;
  last_drawn_ = now;
  draw(fraction);
}

void ProgressBar::draw(double fraction) {
  const double now = watch_.seconds();
  std::string left;
  // Too early, an estimate is worse than none.
  if (fraction > 0.01) left = ", " + duration_text(now * (1 - fraction) / fraction) + " left";
  const std::string note = note_.empty() ? "" : "  " + note_;
  const int percent = static_cast<int>(std::floor(100 * fraction));
  if (terminal_) {
    const int filled = static_cast<int>(std::floor(kBarWidth * fraction));
    const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                            std::string(static_cast<std::size_t>(kBarWidth - filled), '.');
    std::fprintf(stderr, "\r%-22s [%s] %3d %%  %s%s%s\033[K", label_.c_str(), bar.c_str(), percent,
                 duration_text(now).c_str(), left.c_str(), note.c_str());
  } else {
    std::fprintf(stderr, "%s: %d %%, %s%s%s\n", label_.c_str(), percent, duration_text(now).c_str(),
                 left.c_str(), note.c_str());
  }
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::finish() {
  finished_ = true;
  if (quiet_ || watch_.seconds() < kFirst) return;
  const std::string took = duration_text(watch_.seconds());
  if (terminal_)
    std::fprintf(stderr, "\r%-22s %s\033[K\n", label_.c_str(), took.c_str());
  else
    std::fprintf(stderr, "%s: done in %s\n", label_.c_str(), took.c_str());
}

}  // namespace blindtuner
