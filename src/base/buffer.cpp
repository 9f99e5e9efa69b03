#include "base/buffer.h"

#include <malloc.h>
#include <string.h>

#include "base/resources.h"

namespace blindtuner {

Buffer::Buffer(std::size_t count, bool wiped) : count_(count), wiped_(wiped) {
  if (count == 0) return;
  pool_ = Resources::current().memory();
  data_ = pool_->take(count, wiped);
}

void Buffer::release() noexcept {
  if (data_ == nullptr) return;
  if (wiped_) wipe(data_, count_ * sizeof(std::uint64_t));
  pool_->put(data_, count_, wiped_);
  pool_.reset();
  data_ = nullptr;
  count_ = 0;
}

void release_pooled_memory() {
  Resources::current().memory()->release();
  malloc_trim(0);  // free() alone keeps most of it in the process
}

// As OPENSSL_cleanse, in a fraction of its time: many megabytes pass through here.
void wipe(void* data, std::size_t bytes) {
  if (bytes > 0) explicit_bzero(data, bytes);  // which is given nothing that is null
}

}  // namespace blindtuner
