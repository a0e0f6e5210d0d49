// A row that went into a panel comes back as the file's own decoder reads it.
#include "kernels/cpu/panels.h"

#include "kernels/dequantise.h"
#include "tests/kernels/cpu/cpu_devices.h"

namespace conduit::kernels::cpu {
namespace {

TEST(PanelsTest, EveryRowComesBackExactly) {
  for (DType dtype : kAllDTypes) {
    for (std::int64_t rows : {1, 16, 37}) {
      for (std::int64_t few : {32, 96, 320}) {
        const std::int64_t cols = whole_blocks(dtype, few);
        const FileTensor file(dtype, {rows, cols}, 1);
        const std::int64_t bytes = panel_bytes(dtype, cols);
        std::vector<std::byte> storage(static_cast<std::size_t>(panel_count(rows) * bytes));
        for (std::int64_t panel = 0; panel < panel_count(rows); ++panel)
          pack_panel(file.view(), panel, storage.data() + panel * bytes);
        const Matrix matrix{rows, cols, dtype, 0, {nullptr, storage.data(), storage.size()}};
        std::vector<float> expected(static_cast<std::size_t>(rows * cols));
        dequantise(dtype, file.view().data, rows * cols, expected.data());
        for (std::int64_t row = 0; row < rows; ++row) {
          std::vector<float> actual(static_cast<std::size_t>(cols));
          unpack_row(matrix, row, actual.data());
          ASSERT_TRUE(std::equal(actual.begin(), actual.end(), expected.begin() + row * cols))
              << name_of(dtype) << " row " << row << " of " << rows << " x " << cols;
        }
      }
    }
  }
}

TEST(PanelsTest, APanelIsNoLargerThanItsPartOfTheFileButForPadding) {
  for (DType dtype : kAllDTypes) {
    // Kept as types that hold their values, if at another size.
    if (dtype != panel_dtype(dtype)) continue;
    const std::int64_t file = bytes_of(dtype, 1024) * kPanelRows;
    EXPECT_GE(panel_bytes(dtype, 1024), file) << name_of(dtype);
    // Small scales unpacked to whole bytes, and heads that fill a cache line.
    EXPECT_LE(panel_bytes(dtype, 1024), file * 106 / 100) << name_of(dtype);
    EXPECT_EQ(matrix_bytes(dtype, 17, 1024), 2 * panel_bytes(dtype, 1024)) << name_of(dtype);
  }
}

}  // namespace
}  // namespace conduit::kernels::cpu
