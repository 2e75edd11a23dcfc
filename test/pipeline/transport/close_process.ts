/** Opens and closes transports of all kinds, then has nothing left to do: the process must end. */
import {KINDS, makePair} from './kinds.js';

for (const kind of KINDS) {
  const pair = await makePair(kind);
  const [a, b] = await pair.channels();
  await a.send({type: 'control', message: kind.name});
  await b.receive();
  await pair.close();
}
