/** Anchors of a model that is being put together, found in its graph. */
import type {AnchorEmbedding} from './anchor_embedding.js';
import {connectedLayers} from './find_layers.js';
import type {LayerInputs} from './layer_types.js';

/** A layer that uses anchors: boundaries, their halves, and anchors themselves. */
interface AnchorUser {
  anchorTables(): AnchorEmbedding[];
}

/** The anchors of all layers in the graph that the symbolic `inputs` belong to. */
export function connectedAnchors(inputs: LayerInputs): AnchorEmbedding[] {
  return connectedLayers(inputs).flatMap((layer) =>
    'anchorTables' in layer ? (layer as unknown as AnchorUser).anchorTables() : [],
  );
}
