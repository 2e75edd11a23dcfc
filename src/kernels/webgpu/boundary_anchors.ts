/**
 * WGSL of an entry of the row of `anchors [vocabulary, anchorRank]` that belongs to a position. NaN for an id outside of the
 * vocabulary: ids on the device cannot be looked at without waiting for it, and zeros would be trained on unnoticed.
 */
export const ANCHOR_ENTRY = `
  fn anchorEntry(row : i32, column : i32) -> f32 {
    let id = ids[row];
    if (id < 0 || id >= uniforms.vocabulary) { return uniforms.NAN; }
    return anchors[id * uniforms.anchorRank + column];
  }
`;
