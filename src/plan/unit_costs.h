// What single operations cost on a machine: measured in a few seconds, or built in for a reference
// machine. Seconds throughout, with `threads` threads at work.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "plan/circuit_work.h"
#include "rlwe/parameters.h"

namespace blindtuner::plan {

/// A straight line through what was measured at two widths of a ciphertext.
struct WidthCost {
  double fixed = 0, each = 0;
  double at(std::size_t width) const { return fixed + each * static_cast<double>(width); }
};

struct UnitCosts {
  std::string machine;     ///< "this machine", or which one it was
  std::string parameters;  ///< name of the parameter set
  int threads = 1;

  /// Big ring: one operation on all threads, by q limbs where that matters; between the measured
  /// numbers of limbs, straight lines.
  std::map<Work, std::map<std::size_t, double>> by_limbs;
  double diagonal = 0, transform = 0, pass = 0;  ///< one limb
  double encoding = 0;  ///< one vector of slots to a polynomial on the whole chain

  // Small ring: one operation while every thread does one.
  double expansion = 0, tensor_term = 0, relinearisation = 0, score_relinearisation = 0;
  double score_automorphism = 0, error_automorphism = 0;
  WidthCost map_one,
      map_batch;  ///< a component map of one ciphertext, of device::kComponentMapBatch

  // The owner's.
  double gaussian = 0;      ///< one coefficient, one thread
  double uniform_limb = 0;  ///< of the big ring, on all threads
  double encryption = 0;    ///< one small ciphertext, while every thread does one

  double byte_fresh = 0;  ///< memory that the system has to find and clear, one thread

  // Files: one byte packed and hashed, read or written, without the disk.
  double byte_read = 0, byte_written = 0;

  /// One operation of the big ring.
  double seconds(const WorkItem& item) const;
  double seconds(const WorkCounts& counts) const;
  /// Matrix products on a layout of this width.
  double seconds(const ProductWork& work, std::size_t width) const;
};

nlohmann::json to_json(const UnitCosts& costs);
/// Throws DataError.
UnitCosts unit_costs_from_json(const nlohmann::json& json);

/// Whether reference_unit_costs() are those of the set of this name: of the standard one, and of those for several owners, whose rings are its with a
/// limb or two more. Times of another set are not to be had without measuring.
bool has_reference_costs(const std::string& parameters);
/// Measures them: two seconds at the standard set, on all threads (max_threads()).
UnitCosts measure_unit_costs(const ParametersPtr& parameters);
/// Those of the reference machine (docs/BENCHMARKS.md) for the standard set: exact for one and two
/// threads, and what follows from these for more.
UnitCosts reference_unit_costs(int threads);

}  // namespace blindtuner::plan
