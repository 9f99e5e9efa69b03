#include "base/resources.h"

namespace blindtuner {
namespace {

thread_local Resources* used = nullptr;

}  // namespace

Resources& Resources::current() {
  if (used != nullptr) return *used;
  static Resources* const program = new Resources;  // static buffers come after it
  return *program;
}

UseResources::UseResources(Resources& resources) : before_(used) { used = &resources; }
UseResources::~UseResources() { used = before_; }

}  // namespace blindtuner
