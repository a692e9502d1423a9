// function commented() {}
Item {
    id: root
    property int level: 0
    signal risen(int by)
    function rise(by) {
        return by
    }
    Rectangle {
        id: box
    }
}
