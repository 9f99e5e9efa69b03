#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "base/error.h"
#include "features/image/formats.h"

namespace blindtuner::features {

StoredPicture decode_webp(Bytes file, const std::string& where) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK)
    throw DataError(where + ": bad WebP: damaged or truncated header");
  check_dimensions(static_cast<std::uint64_t>(features.width),
                   static_cast<std::uint64_t>(features.height), where);
  if (features.has_animation) throw DataError(where + ": animated WebP, expected a single picture");
  StoredPicture out;
  out.picture.width = features.width;
  out.picture.height = features.height;
  out.picture.rgb.resize(std::size_t{3} * static_cast<std::size_t>(features.width) *
                         static_cast<std::size_t>(features.height));
  if (WebPDecodeRGBInto(file.data(), file.size(), out.picture.rgb.data(), out.picture.rgb.size(),
                        3 * features.width) == nullptr)
    throw DataError(where + ": bad WebP: damaged or truncated pixels");
  const WebPData data{file.data(), file.size()};
  const std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)> demuxer(WebPDemux(&data),
                                                                         &WebPDemuxDelete);
  WebPChunkIterator chunk{};
  if (demuxer && WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk) != 0) {
    out.exif.assign(chunk.chunk.bytes, chunk.chunk.bytes + chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
  }
  return out;
}

}  // namespace blindtuner::features
