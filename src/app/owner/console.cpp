#include "app/owner/console.h"

#include <memory>

#include "app/common/progress.h"
#include "app/common/report.h"

namespace blindtuner::app {

Listener console_listener(const CommonOptions& common) {
  Listener out;
  out.warning = print_warning;
  out.note = [&common](const std::string& text) { print_notes(common, {text}); };
  // Shared by the copies of the function; the bar of the task at work.
  const auto bar = std::make_shared<std::unique_ptr<ProgressBar>>();
  out.progress = [bar, quiet = common.quiet](const std::string& task, double fraction) {
    if (fraction == 0) *bar = std::make_unique<ProgressBar>(task, quiet);
    if (*bar == nullptr) return;
    if (fraction < 1) return (*bar)->update(fraction);
    (*bar)->finish();
    bar->reset();
  };
  return out;
}

}  // namespace blindtuner::app
