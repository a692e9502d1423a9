import React from 'react';

interface Props {
  station: string;
  children?: React.ReactNode;
}

/** Shows one gauge. */
export const GaugeView: React.FC<Props> = ({ station, children }) => {
  const [level, setLevel] = React.useState(0);
  const onClick = () => setLevel(level + 1);
  return (
    <section className="gauge" onClick={onClick}>
      <h1>{station}</h1>
      {children}
    </section>
  );
};

export default class Page extends React.Component<Props> {
  state = { open: false };

  render() {
    return <GaugeView station="Årø">{this.state.open && <b>open</b>}</GaugeView>;
  }
}

function useTide<T extends object>(at: T): T {
  return at;
}
