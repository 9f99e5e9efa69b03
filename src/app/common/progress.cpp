#include "app/common/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/interrupt.h"
#include "base/quantity.h"

namespace blindtuner::app {
namespace {

constexpr double kFirst = 1.0;          // seconds without a word
constexpr double kTerminalEvery = 0.1;  // seconds between drawings
constexpr double kPlainEvery = 10.0;
constexpr int kBarWidth = 30;

}  // namespace

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

}  // namespace blindtuner::app
