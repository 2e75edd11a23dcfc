/**
 * WGSL of an entry of the row of `anchors [vocabulary, anchorRank]` that belongs to a position. Zero for an id outside of the
 * vocabulary, as `tf.gather` on webgpu has it: ids on the device cannot be looked at without waiting for it.
 */
export const ANCHOR_ENTRY = `
  fn anchorEntry(row : i32, column : i32) -> f32 {
    let id = ids[row];
    if (id < 0 || id >= uniforms.vocabulary) { return 0.0; }
    return anchors[id * uniforms.anchorRank + column];
  }
`;
