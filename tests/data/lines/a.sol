// contract Commented {}
contract Tide is Base {
    uint256 public constant LIMIT = 3;
    mapping(address => uint256) private levels;
    struct Gauge { uint level; }
    enum Kind { Low, High }
    event Risen(uint by);
    error Broken();
    modifier onlyOwner() { _; }
    constructor(uint x) { uint local = x; }
    function rise(uint by) external returns (uint) { return by; }
}
interface IGauge { function read() external; }
library Math { function add(uint a) internal {} }
