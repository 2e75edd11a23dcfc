/** A leg that packs each value by itself: what every codec of values can do. */
import * as tf from '@tensorflow/tfjs-core';
import type {FloatCodec} from '../codec.js';
import {checkArrived, takeFinite, whatCrosses} from '../finite.js';
import type {Leg, LegCodec} from '../leg.js';
import {LegOptions} from '../leg_options.js';
import {legTensor, oneLegTensor} from '../leg_tensor.js';

/** The leg codec of a codec of values, under its name and version. It has no options and no state. */
export function valueLegCodec(values: FloatCodec): LegCodec {
  const {name, version} = values;
  return {
    name,
    version,
    create(options): Leg {
      new LegOptions(name, options).done();
      return {
        settings: {},
        bytesPerToken: (width) => values.byteLength([width]),
        byteLength: (shape) => values.byteLength(shape),
        sender: (context) => ({
          async pack(x) {
            const {shape} = x;
            const read = await takeFinite(x, whatCrosses(context));
            return [legTensor(name, context, shape, values.pack(read, shape))];
          },
        }),
        receiver: (context) => ({
          async unpack(tensors) {
            const {bytes, shape} = oneLegTensor(name, context, tensors);
            const arrived = values.unpack(bytes, shape);
            checkArrived(name, arrived, shape);
            return tf.tensor(arrived, [...shape], 'float32');
          },
        }),
      };
    },
  };
}
